// Networks in WebGL2, with the shaders of `3_shaders.js`.

const TILE = 256; // pixels along x of a texture, at most; times the number of layers a tile's pixels
const TILE_SECONDS = 20; // after which WebGL counts as gone
const GRAPHICS = Symbol.for(`learnit.explorer.graphics.${VERSION}`); // each widget imports a copy of this module of its own

/** One WebGL2 context for all explorers of a page, since browsers allow few; pictures are drawn one after the other. */
class Graphics {
  /** The page's context; throws where there is no WebGL2 or no textures of floats to draw into: once asked, never again. */
  static shared() {
    const known = globalThis[GRAPHICS];
    if (known?.refused) throw known.refused;
    if (known && !known.gl.isContextLost()) return known;
    try {
      globalThis[GRAPHICS] = new Graphics();
    } catch (refused) {
      globalThis[GRAPHICS] = { refused };
      throw refused;
    }
    return globalThis[GRAPHICS];
  }

  constructor() {
    const gl = document.createElement("canvas").getContext("webgl2");
    if (!gl) throw new Error("This browser offers no WebGL2");
    if (!gl.getExtension("EXT_color_buffer_float")) {
      gl.getExtension("WEBGL_lose_context")?.loseContext(); // browsers allow few
      throw new Error("This browser cannot draw into textures of floats");
    }
    this.gl = gl;
    this.layers = Math.min(8, gl.getParameter(gl.MAX_DRAW_BUFFERS), gl.getParameter(gl.MAX_COLOR_ATTACHMENTS));
    this.largest = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    this.programs = new Map();
    this.textures = new Map();
    this.readback = gl.createBuffer();
    this.queue = Promise.resolve();
  }

  /** The picture [height, width, outputs] of one network; null once `stale()`. Waits for those asked for before. */
  values(network, mixed, height, width, stale, sides) {
    const result = this.queue.then(() => this.#tiles(network, mixed, height, width, stale, sides));
    this.queue = result.catch(() => null);
    return result;
  }

  async #tiles(network, mixed, height, width, stale, sides) {
    const outputs = network.layers.at(-1)[1];
    const widest = Math.max(...network.layers.flat(), 2 * network.buffer.length + 8); // features are filled up to groups
    if (4 * groupsOf(widest) + 1 > this.largest) throw new Error("This network is too wide for this browser's WebGL");
    const picture = new Float32Array(height * width * outputs);
    const texels = mixed.map((layer, i) => this.#texels(network, layer, i));
    const tile = TILE * this.layers;
    for (let first = 0; first < height * width; first += tile) {
      if (stale()) return null;
      const wanted = Math.min(tile, height * width - first);
      const columns = Math.ceil(wanted / this.layers); // so that a small preview costs little
      const rgba = await this.#draw(network, texels, columns, pixelPositions(height, width, first, columns * this.layers, sides));
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
    const until = performance.now() + 1000 * TILE_SECONDS;
    while (!gl.isContextLost() && gl.getSyncParameter(fence, gl.SYNC_STATUS) !== gl.SIGNALED) {
      if (performance.now() > until) throw new Error("This browser's WebGL does not answer");
      await nextTask(2);
    }
    if (gl.isContextLost()) throw new Error("The browser took WebGL away");
    gl.deleteSync(fence);
    const fault = gl.getError(); // of this tile, or of what was allocated for it
    if (fault !== gl.NO_ERROR) throw new Error(`This browser's WebGL failed with error ${fault}`);
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

  #kept(key, makeTexture) {
    if (!this.textures.has(key)) this.textures.set(key, makeTexture());
    return this.textures.get(key);
  }
}

/** A picture in WebGL2; once more in a new context, if the browser took the one there was. */
async function computeInWebGL(...job) {
  const graphics = Graphics.shared();
  try {
    return await graphics.values(...job);
  } catch (error) {
    if (!graphics.gl.isContextLost()) throw error;
    return Graphics.shared().values(...job);
  }
}
