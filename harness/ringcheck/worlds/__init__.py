"""Worlds carry schedules out and write histories."""
