import type { Json } from '../../../kernel/json.ts';
import type { JsonObject } from '../model.ts';
import { flag, number, object, PATH, pathOf } from './arguments.ts';
import type { Tool } from './model.ts';

const PROGRAM = 'tool:ffmpeg';
const SECONDS = 86_400;

/** Files by their protocol, lest a name be read as another one. */
const file = (path: Json | undefined): string => `file:${pathOf(path)}`;
const option = (name: string, value: Json | undefined): string[] => (value === undefined ? [] : [name, String(value)]);

const size: Record<string, JsonObject> = {
  width: { ...number(16, 7680, 'Pixels; the height follows unless given.'), type: 'integer' },
  height: { ...number(16, 4320, 'Pixels; the width follows unless given.'), type: 'integer' },
};

const scaled = ({ width = -2, height = -2 }: JsonObject): string[] =>
  width === -2 && height === -2 ? [] : ['-vf', `scale=${String(width)}:${String(height)}`];

const convert: Tool = {
  operation: 'ffmpeg.convert',
  program: PROGRAM,
  summary: 'Converts, cuts and scales sound and pictures; the end of the name of `output` says into what.',
  schema: object(
    {
      input: PATH,
      output: PATH,
      start_seconds: number(0, SECONDS, 'Where to begin.'),
      duration_seconds: number(0, SECONDS, 'How much to take.'),
      without_video: flag('Leave out pictures.'),
      without_audio: flag('Leave out sound.'),
      audio_bitrate_kbps: { ...number(8, 512, 'Of the sound.'), type: 'integer' },
      sample_rate: { enum: [8_000, 16_000, 22_050, 24_000, 44_100, 48_000], description: 'Of the sound, Hz.' },
      channels: { enum: [1, 2], description: 'Of the sound.' },
      ...size,
    },
    ['input', 'output'],
  ),
  argv: (values) => [
    ...option('-ss', values['start_seconds']),
    ...['-i', file(values['input'])],
    ...option('-t', values['duration_seconds']),
    ...(values['without_video'] === true ? ['-vn'] : scaled(values)),
    ...(values['without_audio'] === true ? ['-an'] : []),
    ...(values['audio_bitrate_kbps'] === undefined ? [] : ['-b:a', `${String(values['audio_bitrate_kbps'])}k`]),
    ...option('-ar', values['sample_rate']),
    ...option('-ac', values['channels']),
    '-y',
    file(values['output']),
  ],
};

const frame: Tool = {
  operation: 'ffmpeg.frame',
  program: PROGRAM,
  summary: 'Takes one picture out of a film.',
  schema: object({ input: PATH, output: PATH, at_seconds: number(0, SECONDS, 'Which.'), ...size }, ['input', 'output']),
  argv: (values) => [
    ...option('-ss', values['at_seconds']),
    ...['-i', file(values['input']), '-frames:v', '1'],
    ...scaled(values),
    '-y',
    file(values['output']),
  ],
};

export const ffmpeg: readonly Tool[] = [convert, frame];
