"""Who decides: what is asked, whether it is right, where it first is wrong; and the report."""
