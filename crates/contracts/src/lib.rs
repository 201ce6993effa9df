//! Events, commands, envelope, ids, subjects and upcasters: what every service agrees on.
