//! `VirtualCluster` claims from their YAML to running clusters that Vault knows, and to nothing left of
//! them, as pods under Crossplane's own RBAC and the roles in `examples/install/`.

mod control_plane;
mod crowd;
mod delivery;
mod faults;
mod hanging;
mod isolation;
mod killed;
mod lifecycle;
mod rotation;
mod sight;
mod team;
