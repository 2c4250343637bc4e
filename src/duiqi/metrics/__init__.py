"""Parts of the role: one file each, imported by nobody, found by name (see `duiqi.core.part`)."""
