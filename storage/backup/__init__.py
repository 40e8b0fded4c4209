"""Backups: the rows of all stores at one moment, in a repository that shares what is the same.

- `chunks`: rows are cut into chunks at borders that a small change does not move;
- `index`: which chunks of files there are, as rows;
- `manifest`: what one backup is: which chunks, in which order;
- `repository`: the folder with the chunks and manifests of all backups;
- `follower`: a store in use, read as it was at a record number of one's choice;
- `fill`: a data folder made from rows.

What a consistent moment is across stores is not known here (see `heliograph.admin.cut`).
"""
