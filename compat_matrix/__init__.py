"""The compatibility matrix: which file, converted where and how, is served right by which release.

Depends on `converter`, never the reverse.
"""
