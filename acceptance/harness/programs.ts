/**
 * For each language one program that prints its first argument, the environment variable NAME and its standard input,
 * each on a line. A language that runners come to offer fails its test until it has one.
 */
export const ECHO_PROGRAMS: Readonly<Record<string, string>> = {
  python: 'import os, sys\nprint(sys.argv[1]); print(os.environ["NAME"]); print(sys.stdin.read())',
  javascript: `const { readFileSync } = require('node:fs');
console.log(process.argv[2]); console.log(process.env.NAME); console.log(readFileSync(0, 'utf8'));`,
  typescript: `import { readFileSync } from 'node:fs';
enum Word { First = 2 }
const word: string = process.argv[Word.First] ?? '';
console.log(word); console.log(process.env.NAME satisfies string | undefined); console.log(readFileSync(0, 'utf8'));`,
  bash: 'echo "$1"; echo "$NAME"; cat; echo',
  c: `#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  int c;
  printf("%s\\n%s\\n", argv[1], getenv("NAME"));
  while ((c = getchar()) != EOF) putchar(c);
  putchar('\\n');
  return argc - 2;
}`,
  cpp: `#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>
int main(int, char **argv) {
  std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  std::cout << argv[1] << '\\n' << std::getenv("NAME") << '\\n' << input << '\\n';
}`,
  go: `package main
import ("fmt"; "io"; "os")
func main() { input, _ := io.ReadAll(os.Stdin); fmt.Printf("%s\\n%s\\n%s\\n", os.Args[1], os.Getenv("NAME"), input) }`,
  rust: `use std::io::Read;
fn main() {
  let mut input = String::new();
  std::io::stdin().read_to_string(&mut input).unwrap();
  println!("{}\\n{}\\n{}", std::env::args().nth(1).unwrap(), std::env::var("NAME").unwrap(), input);
}`,
  java: `import java.io.*;
public class Main {
  public static void main(String[] args) throws IOException {
    String input = new String(System.in.readAllBytes());
    System.out.println(args[0] + "\\n" + System.getenv("NAME") + "\\n" + input);
  }
}`,
  ruby: 'puts ARGV[0], ENV["NAME"], STDIN.read',
  perl: 'print "$ARGV[0]\\n$ENV{NAME}\\n", join("", <STDIN>), "\\n";',
  php: '<?php echo $argv[1], "\\n", getenv("NAME"), "\\n", stream_get_contents(STDIN), "\\n";',
};
