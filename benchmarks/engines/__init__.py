"""One file an engine: a function a task, which takes the patients and returns a Trial."""
