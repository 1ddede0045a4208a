// Networks in WebGL2. Activations are textures of four channels: x is the pixel, y the group of four units, and the
// layers of an array texture are further pixels, so that each weight that a shader fetches serves all of them.

const TILE = 256; // pixels along x of a texture, at most; times the number of layers a tile's pixels

const VERTEX = `#version 300 es
void main() { gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0); }`;

// A driver's own sine may be off by 2e-4. So: the argument less a multiple of π (in three parts, Cody and Waite), then
// an odd polynomial, as in learnit_core.models.
const SINE = `
vec4 sine(vec4 x, float halfTurns) {
  vec4 k = round(x * 0.3183098861837907 + halfTurns);
  vec4 m = k - halfTurns;
  vec4 r = ((x - m * 3.140625) - m * 0.0009670257568359375) - m * 6.277114152908325e-07;
  vec4 s = r * r;
  vec4 p = (((-2.3889859e-08 * s + 2.7525562e-06) * s - 1.9840874e-04) * s + 8.3333310e-03) * s - 1.6666666e-01;
  return (r + r * s * p) * (1.0 - 2.0 * (k - 2.0 * floor(k * 0.5)));
}`;

const ACTIVATIONS = {
  sine: "sine(uW0 * s, 0.0)",
  relu: "max(s, 0.0)",
  half: "s + 0.5",
  sigmoid: "1.0 / (1.0 + exp(-s))",
  identity: "s",
};

const times = (count, line) => Array.from({ length: count }, (_, k) => line(k)).join("\n");

const shader = (layers, body) => `#version 300 es
precision highp float; precision highp int; precision highp sampler2D; precision highp sampler2DArray;
uniform sampler2DArray uInput; uniform sampler2D uWeights; uniform int uGroups; uniform float uW0;
${times(layers, (k) => `layout(location = ${k}) out vec4 out${k};`)}
${SINE}
${body}`;

/** A linear layer and its activation. Column 4i + j of the weights is input 4i + j, the last column the bias. */
const linearShader = (layers, activation) => shader(layers, `
vec4 activate(vec4 s) { return ${ACTIVATIONS[activation]}; }
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  vec4 bias = texelFetch(uWeights, ivec2(4 * uGroups, at.y), 0);
  ${times(layers, (k) => `vec4 s${k} = bias;`)}
  for (int i = 0; i < uGroups; i++) {
    mat4 w = mat4(texelFetch(uWeights, ivec2(4 * i, at.y), 0), texelFetch(uWeights, ivec2(4 * i + 1, at.y), 0),
                  texelFetch(uWeights, ivec2(4 * i + 2, at.y), 0), texelFetch(uWeights, ivec2(4 * i + 3, at.y), 0));
    ${times(layers, (k) => `s${k} += w * texelFetch(uInput, ivec3(at.x, i, ${k}), 0);`)}
  }
  ${times(layers, (k) => `out${k} = activate(s${k});`)}
}`);

/** Fourier features: rows of cosines, then rows of sines. Texel (0, g) of the weights: the frequencies along rows. */
const featureShader = (layers) => shader(layers, `
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  bool cosines = at.y < uGroups;
  int group = cosines ? at.y : at.y - uGroups;
  vec4 rows = texelFetch(uWeights, ivec2(0, group), 0), columns = texelFetch(uWeights, ivec2(1, group), 0);
  ${times(layers, (k) => `vec4 p${k} = texelFetch(uInput, ivec3(at.x, 0, ${k}), 0);
  out${k} = sine(p${k}.x * rows + p${k}.y * columns, cosines ? 0.5 : 0.0);`)}
}`);

const groupsOf = (units) => Math.ceil(units / 4);

/** Weights as texels: [output groups, 4 · input groups + 1, 4]. `place(i)` is where input i stands among the inputs. */
function weightTexels({ w, b }, inputs, outputs, inputGroups, place) {
  const columns = 4 * inputGroups + 1;
  const texels = new Float32Array(groupsOf(outputs) * columns * 4);
  for (let o = 0; o < outputs; o++) {
    const row = (o >> 2) * columns;
    for (let i = 0; i < inputs; i++) texels[(row + place(i)) * 4 + (o & 3)] = w[i * outputs + o];
    texels[(row + columns - 1) * 4 + (o & 3)] = b[o];
  }
  return texels;
}

/** One WebGL2 context for all explorers of a page, since browsers allow few; pictures are drawn one after the other. */
class Graphics {
  /** The page's context; throws where there is no WebGL2 or no textures of floats to draw into. */
  static shared() {
    const name = Symbol.for("learnit.explorer.graphics"); // each widget imports a copy of this module of its own
    const lost = globalThis[name]?.gl.isContextLost();
    if (!globalThis[name] || lost) globalThis[name] = new Graphics();
    return globalThis[name];
  }

  constructor() {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) throw new Error("This browser offers no WebGL2");
    if (!gl.getExtension("EXT_color_buffer_float")) throw new Error("This browser cannot draw into textures of floats");
    this.gl = gl;
    this.layers = Math.min(8, gl.getParameter(gl.MAX_DRAW_BUFFERS));
    this.programs = new Map();
    this.textures = new Map();
    this.readback = gl.createBuffer();
    this.queue = Promise.resolve();
  }

  /** The picture [height, width, outputs] of one network; null once `stale()`. Waits for those asked for before. */
  values(network, mixed, height, width, stale) {
    const result = this.queue.then(() => this.#tiles(network, mixed, height, width, stale));
    this.queue = result.catch(() => null);
    return result;
  }

  async #tiles(network, mixed, height, width, stale) {
    const outputs = network.layers.at(-1)[1];
    const picture = new Float32Array(height * width * outputs);
    const texels = mixed.map((layer, i) => this.#texels(network, layer, i));
    const tile = TILE * this.layers;
    for (let first = 0; first < height * width; first += tile) {
      if (stale()) return null;
      const wanted = Math.min(tile, height * width - first);
      const columns = Math.ceil(wanted / this.layers); // so that a small preview costs little
      const rgba = await this.#draw(network, texels, columns, pixelPositions(height, width, first, columns * this.layers));
      for (let k = 0; k < wanted; k++) {
        for (let o = 0; o < outputs; o++) picture[(first + k) * outputs + o] = rgba[4 * k + o];
      }
    }
    return picture;
  }

  #texels(network, layer, index) {
    const [inputs, outputs] = network.layers[index];
    const features = network.buffer.length;
    if (index > 0 || !features) return weightTexels(layer, inputs, outputs, groupsOf(inputs), (i) => i);
    // Cosines and sines each start on a group of four.
    const sines = 4 * groupsOf(features);
    return weightTexels(layer, inputs, outputs, 2 * groupsOf(features), (i) => (i < features ? i : sines + i - features));
  }

  async #draw(network, texels, columns, positions) {
    const { gl } = this;
    const start = new Float32Array(2 * positions.length);
    for (let k = 0; k < positions.length; k += 2) start.set([positions[k], positions[k + 1]], 2 * k);
    let source = this.#activations(1, "positions");
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, source.texture);
    gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, 0, columns, 1, this.layers, gl.RGBA, gl.FLOAT, start);
    let groups = 1;
    const pass = (program, weights, inputGroups, outputGroups, name) => {
      const target = this.#activations(outputGroups, name);
      gl.viewport(0, 0, columns, outputGroups);
      this.#run(program, source, weights, target, inputGroups, network.w0);
      source = target;
    };
    const features = network.buffer.length;
    if (features) {
      const half = groupsOf(features);
      const frequencies = new Float32Array(half * 2 * 4);
      network.buffer.forEach(([r, c], f) => {
        frequencies[(f >> 2) * 8 + (f & 3)] = r;
        frequencies[(f >> 2) * 8 + 4 + (f & 3)] = c;
      });
      pass("features", this.#upload(frequencies, 2, half), half, 2 * half, "features");
      groups = 2 * half;
    }
    network.layers.forEach(([, outputs], i) => {
      const last = i === network.layers.length - 1;
      const activation = network.model === "siren" ? (last ? "half" : "sine") : last ? network.final : "relu";
      const weights = this.#upload(texels[i], 4 * groups + 1, groupsOf(outputs));
      pass(activation, weights, groups, groupsOf(outputs), i % 2 ? "odd" : "even");
      groups = groupsOf(outputs);
    });
    return this.#read(source, columns);
  }

  #run(program, source, weights, target, inputGroups, w0) {
    const { gl } = this;
    const { handle, uniforms } = this.#program(program);
    gl.useProgram(handle);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.framebuffer);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D, weights);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, source.texture);
    gl.uniform1i(uniforms.uInput, 0);
    gl.uniform1i(uniforms.uWeights, 1);
    gl.uniform1i(uniforms.uGroups, inputGroups);
    gl.uniform1f(uniforms.uW0, w0 ?? 1);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Reads a tile without stalling the page: into a buffer on the device, and from there when it has arrived. */
  async #read(source, columns) {
    const { gl } = this;
    const count = columns * this.layers;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, source.framebuffer);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, this.readback);
    gl.bufferData(gl.PIXEL_PACK_BUFFER, 16 * count, gl.STREAM_READ);
    for (let k = 0; k < this.layers; k++) {
      gl.readBuffer(gl.COLOR_ATTACHMENT0 + k);
      gl.readPixels(0, 0, columns, 1, gl.RGBA, gl.FLOAT, 16 * columns * k);
    }
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    while (!gl.isContextLost() && gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) await nextTask(2);
    if (gl.isContextLost()) throw new Error("The browser took WebGL away");
    gl.deleteSync(fence);
    const rgba = new Float32Array(4 * count);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, this.readback);
    gl.getBufferSubData(gl.PIXEL_PACK_BUFFER, 0, rgba);
    gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
    return rgba;
  }

  #program(name) {
    if (!this.programs.has(name)) {
      const { gl } = this;
      const handle = gl.createProgram();
      const fragment = name === "features" ? featureShader(this.layers) : linearShader(this.layers, name);
      for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]]) {
        const compiled = gl.createShader(type);
        gl.shaderSource(compiled, text);
        gl.compileShader(compiled);
        gl.attachShader(handle, compiled);
      }
      gl.linkProgram(handle);
      if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) {
        throw new Error(`This browser's WebGL refuses a shader: ${gl.getProgramInfoLog(handle)}`);
      }
      const uniforms = {};
      for (const u of ["uInput", "uWeights", "uGroups", "uW0"]) uniforms[u] = gl.getUniformLocation(handle, u);
      this.programs.set(name, { handle, uniforms });
    }
    return this.programs.get(name);
  }

  #activations(groups, name) {
    return this.#kept(`${name} ${groups}`, () => {
      const { gl } = this;
      const texture = this.#texture(gl.TEXTURE_2D_ARRAY);
      gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA32F, TILE, groups, this.layers);
      const framebuffer = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, framebuffer);
      const attachments = Array.from({ length: this.layers }, (_, k) => gl.COLOR_ATTACHMENT0 + k);
      attachments.forEach((a, k) => gl.framebufferTextureLayer(gl.FRAMEBUFFER, a, texture, 0, k));
      gl.drawBuffers(attachments);
      if (gl.checkFramebufferStatus(gl.FRAMEBUFFER) !== gl.FRAMEBUFFER_COMPLETE) {
        throw new Error("This browser cannot draw into textures of floats");
      }
      return { texture, framebuffer };
    });
  }

  #upload(texels, columns, rows) {
    const { gl } = this;
    const texture = this.#kept(`weights ${columns} ${rows}`, () => {
      const created = this.#texture(gl.TEXTURE_2D);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA32F, columns, rows);
      return created;
    });
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, columns, rows, gl.RGBA, gl.FLOAT, texels);
    return texture;
  }

  #texture(kind) {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(kind, texture);
    gl.texParameteri(kind, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(kind, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
    return texture;
  }

  #kept(key, make) {
    if (!this.textures.has(key)) this.textures.set(key, make());
    return this.textures.get(key);
  }
}
