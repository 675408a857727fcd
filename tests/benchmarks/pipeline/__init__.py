"""What surrounds the trainings: start-up, loading, planning, preparation at official sizes."""
