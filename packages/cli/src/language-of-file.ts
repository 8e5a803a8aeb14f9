import { extname } from 'node:path';

const LANGUAGE_OF_ENDING: Readonly<Record<string, string>> = {
  '.py': 'python',
  '.js': 'javascript',
  '.mjs': 'javascript',
  '.cjs': 'javascript',
  '.ts': 'typescript',
  '.mts': 'typescript',
  '.cts': 'typescript',
  '.sh': 'bash',
  '.bash': 'bash',
  '.c': 'c',
  '.cc': 'cpp',
  '.cpp': 'cpp',
  '.cxx': 'cpp',
  '.go': 'go',
  '.rs': 'rust',
  '.java': 'java',
  '.rb': 'ruby',
  '.pl': 'perl',
  '.php': 'php',
};

/** The language that a file's ending stands for; null when it stands for none. */
export const languageOfFile = (path: string): string | null => LANGUAGE_OF_ENDING[extname(path).toLowerCase()] ?? null;
