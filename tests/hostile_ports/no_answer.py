"""Thinks, and thinks."""
import time

from honest import serve

serve(lambda message: time.sleep(1000))
