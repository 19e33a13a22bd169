//! The real Argo CD with the clusters that we register: it logs in, deploys, follows a new token, and lets go.

mod cluster;
mod guestbook;
mod narrow;
mod registered;
