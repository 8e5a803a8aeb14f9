import type { z } from 'zod';

/**
 * The wire formats that Assay serves over HTTP; each has its own envelope and errors. `console` is pages for people, which
 * no document describes.
 */
export type SurfaceName =
  | 'evaluations'
  | 'control'
  | 'builds'
  | 'fleet'
  | 'oauth'
  | 'openai'
  | 'anthropic'
  | 'console'
  | 'ops';

export type Answer = {
  description: string;
  /** Absent: no body, or one that is not JSON. */
  schema?: z.ZodType;
  /** Other representations of the same answer, by media type. */
  otherMedia?: readonly string[];
};

/** One route: what comes in, what goes out, and the operation that does it. */
export type Route = {
  surface: SurfaceName;
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** As OpenAPI writes it: `/api/eval/{eval_id}/logs`. */
  path: string;
  /** Name of the server's operation; null for routes that run none. */
  operation: string | null;
  summary: string;
  /** Path parameters; each is a string on the wire. */
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Statuses besides the errors that every route of the surface can answer. */
  answers: Readonly<Record<number, Answer>>;
  /** Name of the path parameter that says which organization this is about. */
  organization?: string;
  /** Its sender signs it instead of bringing a credential: the body is kept as it came. */
  isSigned?: boolean;
  /** It may go on to somebody else as it came: the body is kept byte for byte. */
  isForwarded?: boolean;
  /** `Idempotency-Key` keeps it from being billed twice; its answer is not kept. */
  isBilledOnce?: boolean;
  /** Name of the path parameter that says which team this is about; answers name it in their context. */
  team?: string;
  /** Its body is a file, by itself or in a form, and is handed on as it comes. */
  isUpload?: boolean;
  /** Answers HEAD as well, with what GET would say in front of the content. */
  answersHead?: boolean;
  /** Largest body, bytes, where it is not what every route takes. */
  mostBytes?: number;
  /** Works without a credential. */
  isPublic?: boolean;
  /** Also answers as a stream, so the key may come as `?api_key=`. */
  streams?: boolean;
};

/** A conversation with its pictures and documents; Anthropic itself takes none that is larger. */
export const MOST_CHAT_BYTES = 32 << 20;

/** Declares a route, keeping the types of its schemas. */
export const route = <const Declared extends Route>(declared: Declared): Declared => declared;
