// Runs a script on MicroPython's WebAssembly build as the unix port would run it:
//     node wasm.mjs PACKAGE ROOT SCRIPT [ARGUMENT]... < names of files, a line each
// PACKAGE is the npm package's folder. The files, relative to ROOT, are copied into the interpreter's own file system, where ROOT is "/"
// and the place to import from. Standard output is the script's, byte for byte; an exception ends with exit code 1.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [pack, root, script, ...words] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(path.join(pack, "micropython.mjs")).href);

const printed = [];
const python = await loadMicroPython({ linebuffer: false, stdout: (bytes) => printed.push(Buffer.from(bytes)) });
for (const name of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
  python.FS.mkdirTree(path.posix.dirname("/" + name));
  python.FS.writeFile("/" + name, fs.readFileSync(path.join(root, name)));
}
try {
  python.runPython(`import sys\nsys.path[:] = ["/", ".frozen"]\nsys.argv[:] = ${JSON.stringify(["/" + script, ...words])}`);
  python.runPython(fs.readFileSync(path.join(root, script), "utf8"));
} catch (error) {
  process.stderr.write(`${error}\n`);
  process.exitCode = 1;
}
process.stdout.write(Buffer.concat(printed));
