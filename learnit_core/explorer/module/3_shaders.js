// Networks in WebGL2. Activations are textures of four channels: x is the pixel, y the group of four units, and the
// layers of an array texture are further pixels, so that each weight that a shader fetches serves all of them.

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
