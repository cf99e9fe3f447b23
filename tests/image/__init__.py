"""Build and run the image without a registry: on a stand-in for its base, with buildah, podman and runc."""
