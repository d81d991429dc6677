"""The course: its notebooks and pages, the checks of its exercises, and the doctor."""
