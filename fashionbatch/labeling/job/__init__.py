"""The job directory beside an output: what a run needs so that it can be killed at any moment and go on."""
