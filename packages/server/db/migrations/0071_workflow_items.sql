-- migration: expand
-- Nodes that run for each of a list: how far such a node is, and what each of its items is given.
alter table workflow_nodes
  -- Of the node itself: {total, left, next, todo}.
  add column spread jsonb,
  -- Of an item.
  add column input jsonb;
