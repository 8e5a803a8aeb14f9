import { readFileSync } from 'node:fs';

/** What the reference says of an operation. */
export type Declared = {
  scope: string /** `:own` is enough, for what is the caller's. */;
  narrows: boolean;
  effect: 'read' | 'create' | 'wind_down';
};

const page = readFileSync(new URL('../../docs/reference/permissions.md', import.meta.url), 'utf8');

/** The rows of a table, by their first cell: each cell by its column's name. */
function readTable(firstColumn: string): Map<string, Record<string, string>> {
  const lines = page.split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${firstColumn} |`));
  if (head === -1) throw new Error(`The reference of permissions has no table of ${firstColumn}s.`);
  const columns = cells(lines[head] ?? '');
  const end = lines.findIndex((line, index) => index > head && !line.startsWith('|'));
  const rows = lines.slice(head + 2, end === -1 ? undefined : end).map(cells);
  return new Map(
    rows.map((row) => [row[0] ?? '', Object.fromEntries(columns.map((column, index) => [column, row[index] ?? '']))]),
  );
}

const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll('`', ''));

const operations = readTable('Operation');
const scopes = readTable('Scope');

/** Every scope that the reference names. */
export const ALL_SCOPES: readonly string[] = [...scopes.keys()];

/** What an operation needs, as the published reference says; a route of none needs nothing. */
export function declaredOf(operation: string | null): Declared {
  if (operation === null) return { scope: 'public', narrows: false, effect: 'read' };
  const row = operations.get(operation);
  if (!row) throw new Error(`The reference of permissions does not name ${operation}.`);
  const [scope = '', narrower] = (row['Scope'] ?? '').split(' or ');
  return { scope, narrows: narrower !== undefined, effect: row['Effect'] as Declared['effect'] };
}

/** Whether a member role holds a scope, or `:own` of it where that is enough, as the published reference says. */
export function roleHolds(role: string, { scope, narrows }: Pick<Declared, 'scope' | 'narrows'>): boolean {
  if (scope === 'public' || scope === 'authenticated') return true;
  const held = scopes.get(scope)?.[role];
  return held === '●' || (narrows && held === '○');
}
