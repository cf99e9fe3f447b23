"""The image, built and run without a registry: on a stand-in for its base, by buildah, podman and runc."""
