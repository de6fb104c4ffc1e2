"""What stands in a tool's definition that a person would not see, or that talks to the model behind their back."""
