import { describe, expect, test } from 'vitest';
import { type EngineName, type Level, type OfferedEngine, requirementsOf, resolveEngine } from './model.ts';

const offer = (engine: EngineName, level: Level, languages = ['python', 'javascript'], auto = true): OfferedEngine => ({
  engine,
  level,
  version: '1',
  languages,
  auto,
  missing: [],
});
const ask = (offers: OfferedEngine[], engine: string, strict = false, language = 'python'): string =>
  resolveEngine(offers, { engine, language, strict });

const STRONG = offer('bubblewrap', 'strong');
const GVISOR = offer('gvisor', 'kernel', ['python'], false);
const QUICKJS = offer('quickjs', 'language', ['javascript']);

describe('resolveEngine', () => {
  test('auto takes the strongest that may be taken for it', () => {
    expect(ask([offer('landlock', 'reduced'), STRONG, GVISOR], 'auto')).toBe('bubblewrap');
  });

  test('an engine that is offered serves those who name it', () => {
    expect(ask([STRONG, GVISOR], 'gvisor')).toBe('gvisor');
    expect(ask([STRONG, offer('docker', 'container', ['python'], false)], 'docker')).toBe('docker');
  });

  test('one that is not offered is served by one at least as strong', () => {
    expect(ask([STRONG], 'docker')).toBe('bubblewrap');
    expect(ask([offer('bubblewrap', 'standard')], 'landlock')).toBe('bubblewrap');
    expect(ask([offer('docker', 'kernel', ['python'], false)], 'gvisor')).toBe('docker');
  });

  test('a weaker one never serves', () => {
    expect(() => ask([STRONG], 'gvisor')).toThrow(/at least as strong/);
    expect(() => ask([offer('bubblewrap', 'standard')], 'docker')).toThrow(/at least as strong/);
    expect(() => ask([offer('landlock', 'reduced')], 'bubblewrap')).toThrow(/at least as strong/);
  });

  test('strict refuses any substitute', () => {
    expect(() => ask([STRONG], 'docker', true)).toThrow(/offered: bubblewrap/);
  });

  test('quickjs serves itself, and auto only where nothing else runs the language', () => {
    expect(ask([QUICKJS, STRONG], 'auto', false, 'javascript')).toBe('bubblewrap');
    expect(ask([QUICKJS], 'auto', false, 'javascript')).toBe('quickjs');
    expect(() => ask([QUICKJS], 'landlock', false, 'javascript')).toThrow();
    expect(() => ask([STRONG], 'quickjs', false, 'javascript')).toThrow();
  });

  test('says what would work: engines, languages, or that there is no runner', () => {
    expect(() => ask([STRONG], 'firecracker')).toThrow(/Use auto or one of/);
    expect(() => ask([STRONG], 'auto', false, 'cobol')).toThrow(/Use one of: javascript, python/);
    expect(() => ask([], 'auto')).toThrow(/assay doctor/);
  });
});

test('a runner can serve each language under each engine that has it', () => {
  expect(requirementsOf({ engines: [QUICKJS, GVISOR] })).toEqual(['quickjs/javascript', 'gvisor/python']);
});
