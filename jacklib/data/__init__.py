"""Loading video, sound and labels: data sets in the released layouts, and the samples that ship."""
