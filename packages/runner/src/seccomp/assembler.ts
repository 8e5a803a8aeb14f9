/** Classic-BPF operations that a seccomp filter needs, as in `linux/bpf_common.h`. */
const BPF = { LOAD: 0x20, EQUAL: 0x15, AT_LEAST: 0x35, HAS_BITS: 0x45, RETURN: 0x06 } as const;

const INSTRUCTION_BYTES = 8;
/** A jump offset is one unsigned byte. */
const FARTHEST_JUMP = 255;

type Instruction = { code: number; operand: number; whenTrue?: string; whenFalse?: string };

/** Assembles `struct sock_filter[]` with named jump targets. Jumps go forward only, as the kernel demands. */
export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();
  #fresh = 0;

  /** Loads the 32-bit word at `offset` of `struct seccomp_data`. */
  load(offset: number): this {
    this.#instructions.push({ code: BPF.LOAD, operand: offset });
    return this;
  }

  jump(test: 'EQUAL' | 'AT_LEAST' | 'HAS_BITS', operand: number, whenTrue: string, whenFalse: string): this {
    this.#instructions.push({ code: BPF[test], operand, whenTrue, whenFalse });
    return this;
  }

  return(action: number): this {
    this.#instructions.push({ code: BPF.RETURN, operand: action });
    return this;
  }

  /** Names the next instruction. */
  label(name: string): this {
    this.#labels.set(name, this.#instructions.length);
    return this;
  }

  freshLabel(): string {
    this.#fresh += 1;
    return `label ${this.#fresh}`;
  }

  /** The program in the byte order of x86-64 and arm64 (little endian). */
  bytes(): Buffer {
    const bytes = Buffer.alloc(this.#instructions.length * INSTRUCTION_BYTES);
    for (const [index, { code, operand, whenTrue, whenFalse }] of this.#instructions.entries()) {
      const at = index * INSTRUCTION_BYTES;
      bytes.writeUInt16LE(code, at);
      bytes.writeUInt8(this.#distance(index, whenTrue), at + 2);
      bytes.writeUInt8(this.#distance(index, whenFalse), at + 3);
      bytes.writeUInt32LE(operand >>> 0, at + 4);
    }
    return bytes;
  }

  #distance(from: number, label: string | undefined): number {
    if (label === undefined) return 0;
    const target = this.#labels.get(label);
    if (target === undefined) throw new RangeError(`The filter jumps to '${label}', which is nowhere.`);
    const distance = target - from - 1;
    if (distance < 0 || distance > FARTHEST_JUMP) {
      throw new RangeError(`The jump to '${label}' spans ${distance} instructions; BPF allows 0 to ${FARTHEST_JUMP}.`);
    }
    return distance;
  }
}
