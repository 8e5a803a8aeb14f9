import type { IncomingHttpHeaders } from 'node:http';
import { isUuid } from '../../kernel/ids.ts';
import type { Attribution } from '../../modules/providers/index.ts';
import { invalidFields } from './surface.ts';

/** Names that go into records and sums: visible, and short enough to be a column of a report. */
const NAME = /^[\w.:@/+-]{1,200}$/;
const TAG = /^([\w.:@/+-]{1,64})=([\w.:@/+ -]{0,200})$/;
/** Tags are kept with each record: more would outgrow what they describe. */
const MOST_TAGS = 16;

/**
 * To whom and for what a request says that it is billed: `X-Assay-Team`, `-Project`, `-Agent`, and `-Tags` as
 * `name=value,…`.
 * @throws AppError `invalid` naming the header
 */
export function attributionOf(headers: IncomingHttpHeaders): Attribution {
  const teamId = textOf(headers, 'X-Assay-Team');
  if (teamId !== null && !isUuid(teamId)) throw wrong('X-Assay-Team', 'must be the id of a team');
  return {
    teamId: teamId?.toLowerCase() ?? null,
    projectId: nameOf(headers, 'X-Assay-Project'),
    agentId: nameOf(headers, 'X-Assay-Agent'),
    tags: tagsOf(headers),
  };
}

function textOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name.toLowerCase()];
  return typeof value === 'string' && value !== '' ? value : null;
}

function nameOf(headers: IncomingHttpHeaders, name: string): string | null {
  const value = textOf(headers, name);
  if (value === null || NAME.test(value)) return value;
  throw wrong(name, 'must be 1 to 200 letters, digits and any of _ . : @ / + -');
}

function tagsOf(headers: IncomingHttpHeaders): Record<string, string> {
  const text = textOf(headers, 'X-Assay-Tags');
  if (text === null) return {};
  const pairs = text.split(',').map((pair) => TAG.exec(pair.trim()));
  if (pairs.length > MOST_TAGS) throw wrong('X-Assay-Tags', `must hold at most ${MOST_TAGS} tags`);
  const tags = pairs.map((pair) => {
    if (pair === null) throw wrong('X-Assay-Tags', 'must be `name=value`, separated by commas');
    return [pair[1] ?? '', pair[2] ?? ''] as const;
  });
  if (new Set(tags.map(([name]) => name)).size < tags.length) throw wrong('X-Assay-Tags', 'must name each tag once');
  return Object.fromEntries(tags);
}

const wrong = (field: string, message: string): Error =>
  invalidFields([{ field, constraint: 'format', message: `${field} ${message}` }]);
