import { LANGUAGES } from '../../languages/catalogue.ts';
import type { Language } from '../../languages/language.ts';

/** The image for each language, unless the configuration names another. All are official images on Docker Hub. */
const DEFAULT_IMAGES: Readonly<Record<string, string>> = {
  python: 'python:3.13-slim',
  javascript: 'node:24-slim',
  typescript: 'node:24-slim',
  bash: 'debian:bookworm-slim',
  c: 'gcc:14',
  cpp: 'gcc:14',
  go: 'golang:1.25',
  rust: 'rust:1-slim',
  java: 'eclipse-temurin:21-jdk',
  ruby: 'ruby:3.4-slim',
  perl: 'perl:5-slim',
  php: 'php:8.4-cli',
};

/** A language with the image that runs it. */
export type ImageLanguage = { language: Language; image: string };

/** Languages with their images, the configuration's first. */
export function imageLanguages(configured: Readonly<Record<string, string>>): ImageLanguage[] {
  return LANGUAGES.flatMap((language) => {
    const image = configured[language.name] ?? DEFAULT_IMAGES[language.name];
    return image === undefined ? [] : [{ language, image }];
  });
}

/** The command of a language inside its image, which has it on the path. */
export function commandIn({ commands }: Language): string {
  return commands[0] ?? 'node';
}
