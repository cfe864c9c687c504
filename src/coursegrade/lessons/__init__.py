"""Lessons and labs as files: read and write notebooks, run them, show them as pages, make labs/ from solutions/."""
