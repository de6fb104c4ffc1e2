"""Evidence: what is handed to an auditor, made from what the store keeps."""
