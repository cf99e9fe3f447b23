"""What the tox environments for images, clusters and smoke tests run; the standard library is all it needs."""
