//! A supervised process that outlives the server.
