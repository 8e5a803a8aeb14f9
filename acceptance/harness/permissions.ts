import { readFileSync } from 'node:fs';

/** What the reference says of an operation. */
export type Declared = { scope: string; effect: 'read' | 'create' | 'wind_down' };

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
  if (operation === null) return { scope: 'public', effect: 'read' };
  const row = operations.get(operation);
  if (!row) throw new Error(`The reference of permissions does not name ${operation}.`);
  return { scope: row['Scope'] ?? '', effect: row['Effect'] as Declared['effect'] };
}

/** Whether a member role holds a scope, as the published reference says. */
export const roleHolds = (role: string, scope: string): boolean =>
  scope === 'public' || scope === 'authenticated' || scopes.get(scope)?.[role] === '●';
