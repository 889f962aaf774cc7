"""What is right: the cases, their numbers from the definition, and the bound of each."""
