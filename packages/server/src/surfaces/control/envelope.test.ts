import { describe, expect, test } from 'vitest';
import { aCall, aPrincipal } from '../../../test/calls.ts';
import { ANONYMOUS } from '../../kernel/principal.ts';
import { envelope, refuse } from './envelope.ts';

describe('the envelope', () => {
  test('says which request it answers, for whom, and where more is', () => {
    const principal = aPrincipal();
    const call = aCall({ principal, requestId: 'r-1' });
    const links = { self: '/v1/things', next: '/v1/things?cursor=abc' };
    expect(envelope(call, { status: 201, data: { thing: 1 }, links })).toEqual({
      meta: {
        request_id: 'r-1',
        trace_id: '4bf92f35-77b3-4da6-a3ce-929d0e0e4736',
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        status: 201,
        version: '1.0',
      },
      context: { principal_id: principal.id, organization_id: principal.orgId, team_id: null },
      data: { thing: 1 },
      error: null,
      links,
    });
  });

  test('names nobody where nobody is known', () => {
    const shown = refuse(aCall({ principal: ANONYMOUS }), { status: 401, path: '/v1/me', error: { code: 'x' } });
    expect(shown).toMatchObject({
      context: { principal_id: null, organization_id: null },
      data: null,
      error: { code: 'x' },
      links: { self: '/v1/me' },
    });
  });

  test('names the team that is asked about, but of one that is not there says nothing', () => {
    const call = aCall({ teamId: 'a-team' });
    const found = envelope(call, { status: 200, data: null, links: { self: '/' } });
    const missing = refuse(call, { status: 404, path: '/', error: {} });
    expect([found.context.team_id, missing.context.team_id]).toEqual(['a-team', null]);
  });

  test('has a trace id of the right form even where there is no trace', () => {
    const { meta } = envelope(aCall({ traceId: null }), { status: 200, data: null, links: { self: '/' } });
    expect(meta.trace_id).toBe('00000000-0000-0000-0000-000000000000');
  });
});
