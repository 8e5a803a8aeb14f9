import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine } from './machine.ts';
import { renderTable, type Table } from './table.ts';

const RESULTS = fileURLToPath(new URL('../results', import.meta.url));

/** What one bench found: printed as it comes, and kept as JSON at the end. */
export class Report {
  readonly #name: string;
  readonly #began = new Date();
  readonly #machine = describeMachine();
  readonly #tables: Table[] = [];
  readonly #figures: Record<string, unknown> = {};

  constructor(name: string) {
    this.#name = name;
    const { cores, cpu, memoryGb, kernel, node, commit } = this.#machine;
    say(`bench/${name} on ${cores} × ${cpu}, ${memoryGb} GB, Linux ${kernel}, Node ${node}; ${commit}\n`);
  }

  /** Prints a table and keeps it. */
  table(table: Table): void {
    this.#tables.push(table);
    say(renderTable(table));
  }

  /** Keeps raw figures beside the tables. */
  keep(name: string, figures: unknown): void {
    this.#figures[name] = figures;
  }

  /** Says what is going on, on standard error: standard output is the result only. */
  progress(text: string): void {
    process.stderr.write(`… ${text}\n`);
  }

  /** Writes the JSON and says where it is. */
  save(): void {
    mkdirSync(RESULTS, { recursive: true });
    const file = join(RESULTS, `${this.#name}-${this.#began.toISOString().replaceAll(/[:.]/g, '-')}.json`);
    const content = {
      bench: this.#name,
      began_at: this.#began,
      machine: this.#machine,
      tables: this.#tables,
      figures: this.#figures,
    };
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
    say(`Written to ${relative(process.cwd(), file)}\n`);
  }
}

const say = (text: string): void => void process.stdout.write(text);
