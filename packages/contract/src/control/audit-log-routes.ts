import { z } from 'zod';
import { route } from '../route.ts';
import {
  AuditCheckpoint,
  AuditEntry,
  AuditKey,
  AuditListQuery,
  AuditLogQuery,
  AuditStats,
  AuditStatsQuery,
  ConsistencyProof,
  ConsistencyQuery,
  InclusionProof,
  InclusionQuery,
} from './audit-log.ts';
import { enveloped } from './envelope.ts';

const Identified = z.object({ id: z.string().max(64) });
const page = {
  200: {
    description: 'A page, newest first unless asked.',
    schema: enveloped(z.object({ audit_logs: z.array(AuditEntry) })),
  },
};
const counts = { 200: { description: 'Counts.', schema: enveloped(z.object({ stats: AuditStats })) } };

/** The audit log: reading it, and proving that it is whole. */
export const auditLogRoutes = {
  listOrganizationAuditLogs: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/audit-logs',
    operation: 'audit.organization_entry.list',
    organization: 'id',
    summary: 'Org audit trail',
    params: Identified,
    query: AuditListQuery,
    answers: page,
  }),
  organizationAuditStats: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/organizations/{id}/audit-logs/stats',
    operation: 'audit.organization_entry.summarize',
    organization: 'id',
    summary: 'Org audit trail, counted by time and column',
    params: Identified,
    query: AuditStatsQuery,
    answers: counts,
  }),
  listAuditLogs: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs',
    operation: 'audit.entry.list',
    summary: 'Global audit logs',
    query: AuditListQuery,
    answers: page,
  }),
  auditStats: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs/stats',
    operation: 'audit.entry.summarize',
    summary: 'Global audit logs, counted by time and column',
    query: AuditStatsQuery,
    answers: counts,
  }),
  auditCheckpoint: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs/checkpoint',
    operation: 'audit.checkpoint.get',
    summary: 'Newest signed checkpoint',
    query: AuditLogQuery,
    answers: { 200: { description: 'The checkpoint.', schema: enveloped(z.object({ checkpoint: AuditCheckpoint })) } },
  }),
  auditInclusionProof: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs/proof/inclusion',
    operation: 'audit.inclusion.prove',
    summary: 'Proof that an entry is in the log',
    query: InclusionQuery,
    answers: {
      200: {
        description: 'The proof, and the newest checkpoint.',
        schema: enveloped(z.object({ proof: InclusionProof, checkpoint: AuditCheckpoint })),
      },
    },
  }),
  auditConsistencyProof: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs/proof/consistency',
    operation: 'audit.consistency.prove',
    summary: 'Proof that the log only grew between two sizes',
    query: ConsistencyQuery,
    answers: {
      200: {
        description: 'The proof, and the newest checkpoint.',
        schema: enveloped(z.object({ proof: ConsistencyProof, checkpoint: AuditCheckpoint })),
      },
    },
  }),
  exportAuditLog: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs/export',
    operation: 'audit.log.export',
    summary: 'The whole log as NDJSON, with its checkpoint, to be verified offline',
    query: AuditLogQuery,
    answers: {
      200: {
        description: 'A header, one entry a line, and the checkpoint last.',
        otherMedia: ['application/x-ndjson'],
      },
    },
    streams: true,
  }),
  listAuditKeys: route({
    surface: 'control',
    method: 'GET',
    path: '/v1/audit-logs/keys',
    operation: 'audit.key.list',
    summary: 'Public keys of the checkpoints',
    query: AuditLogQuery,
    answers: { 200: { description: 'Oldest first.', schema: enveloped(z.object({ keys: z.array(AuditKey) })) } },
  }),
  rotateAuditKey: route({
    surface: 'control',
    method: 'POST',
    path: '/v1/audit-logs/keys/rotate',
    operation: 'audit.key.rotate',
    summary: 'Sign checkpoints with a new key from now on',
    answers: {
      200: {
        description: 'Ids of the keys.',
        schema: enveloped(z.object({ retired: z.string().nullable(), active: z.string() })),
      },
    },
  }),
};
