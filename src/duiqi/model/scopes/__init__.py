"""The families of scopes, one file each; `duiqi.model.scope` is their door."""
