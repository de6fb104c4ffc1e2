"""The script of the application, in a folder of its own."""
