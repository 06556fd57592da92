"""The scripted examples, one file a family of requirements."""
