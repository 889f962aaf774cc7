"""Who decides: what is asked, whether an answer is right, where it first is wrong, and the report."""
