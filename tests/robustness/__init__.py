"""Attacks on JACK: damaged files, kills, races, bad disks. See __main__.py."""
