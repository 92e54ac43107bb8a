"""A course for a teacher: editions, slides and marks. `bash script/run.sh course`."""
