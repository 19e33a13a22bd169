//! Kubernetes auth against the testbed's own API server.
