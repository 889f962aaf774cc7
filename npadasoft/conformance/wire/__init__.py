"""How a port is spoken to: lines of JSON, and the process at the other end."""
