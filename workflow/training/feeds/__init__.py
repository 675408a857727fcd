"""What a training step is fed with, for each kind of task; `choose.create` takes the right one."""
