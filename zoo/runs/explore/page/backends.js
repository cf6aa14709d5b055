// Two ways to run a model, with the same two calls: on the server, or in the browser.

const BYTES = "application/octet-stream";

/** The model in the Python process that serves the page. */
export class Served {
  constructor(number) {
    this.number = number;
  }

  encode(image) {
    return this.call("encode", image);
  }

  decode(code) {
    return this.call("decode", code);
  }

  async call(name, values) {
    let answer;
    try {
      answer = await fetch(`${name}/${this.number}`, {
        method: "POST",
        headers: { "Content-Type": BYTES },
        body: Float32Array.from(values),
      });
    } catch {
      throw new Error("The server does not answer: is `zoo explore` still running?");
    }
    if (!answer.ok) throw new Error((await answer.text()).trim());
    return new Float32Array(await answer.arrayBuffer());
  }
}

/** The model as ONNX files, run by onnxruntime-web. */
export class InBrowser {
  static async load(number, { files, image_shape, latent_dim }, runtime) {
    const made = new InBrowser();
    made.ort = await runtime;
    made.shapes = { images: [1, ...image_shape], latents: [1, latent_dim] };
    made.sessions = {};
    made.turn = Promise.resolve(); // the runtime does one thing at a time
    for (const part of ["encoder", "decoder"]) {
      made.sessions[part] = await open(made.ort, `model-${number}/${part}.onnx`, files[part]);
    }
    return made;
  }

  async encode(image) {
    const found = await this.run("encoder", "images", image);
    return (found.mode ?? found.mean).data;
  }

  async decode(code) {
    return (await this.run("decoder", "latents", code)).images.data;
  }

  run(part, input, values) {
    const tensor = new this.ort.Tensor("float32", Float32Array.from(values), this.shapes[input]);
    const result = this.turn.then(() => this.sessions[part].run({ [input]: tensor }));
    this.turn = result.catch(() => {});
    return result;
  }
}

async function open(ort, file, integrity) {
  const content = await fetched(file, integrity);
  try {
    return await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
  } catch (error) {
    throw new Error(`${file} cannot be run: ${String(error.message).split("\n")[0]}`);
  }
}

/** A file's bytes, if they are those that the page was written with. */
async function fetched(file, integrity) {
  let answer = null;
  try {
    answer = await fetch(file, { integrity });
  } catch {
    throw new Error(`${file} cannot be fetched, or is not the file that was written: write the page anew.`);
  }
  if (!answer.ok) throw new Error(`${file} is missing (${answer.status}): write the page anew.`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** onnxruntime-web: WebAssembly, one thread, its two files compared with their hashes. */
export async function loadRuntime({ script, wasm }) {
  const [binary] = await Promise.all([fetched(wasm.file, wasm.integrity), loadScript(script)]);
  // The module that the tag loaded: browsers keep one for each address.
  const ort = await import(new URL(script.file, document.baseURI).href);
  ort.env.wasm.wasmBinary = binary.buffer;
  ort.env.wasm.numThreads = 1;
  return ort;
}

function loadScript({ file, integrity }) {
  return new Promise((done, failed) => {
    const tag = document.createElement("script");
    Object.assign(tag, { type: "module", crossOrigin: "anonymous", integrity, src: file });
    tag.onload = done;
    tag.onerror = () => failed(new Error(`${file} cannot be loaded, or is not the file that was pinned.`));
    document.head.append(tag);
  });
}
