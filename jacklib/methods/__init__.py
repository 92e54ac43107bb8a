"""What the command line and the notebooks do with each network: data, training, evaluation."""
