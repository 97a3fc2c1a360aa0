"""Tests; a package, because some library brings a package of this name too."""
