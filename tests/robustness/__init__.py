"""Attacks on JACK: damaged files, kills, races, bad disks. `bash script/run.sh robustness --help`."""
