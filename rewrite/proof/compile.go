package proof

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/unbake-dev/unbake/rewrite/dockerfile"
)

// stage is one stage of a Dockerfile, compiled as the target.
type stage struct {
	*dockerfile.Stage
	child  bool              // not the stage, but an image FROM it
	ops    map[string]*pb.Op // by digest
	canons map[string]string // by digest, see canon
	raw    [][]byte          // the same, as they are sent to a builder, with what they are called there
	last   string            // the digest of the op whose result is the stage's; "" for an empty stage
	image  *dockerspec.DockerOCIImage
}

// platform is what everything is compiled for: which one it is makes no difference to a
// comparison, but it must not be that of whoever runs the program.
var platform = ocispecs.Platform{OS: "linux", Architecture: "amd64"}

// stub stands for every base image. It has something in each field that an instruction
// can change, so that a change is seen.
type stub struct{}

var (
	stubEntrypoint = []string{"base-entrypoint"}
	stubCmd        = []string{"base-cmd"}
)

const stubConfig = `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
"config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["base-cmd"],"Entrypoint":["base-entrypoint"],"WorkingDir":"/base","Labels":{"base":"1"},"ExposedPorts":{"1/tcp":{}},"Volumes":{"/base-volume":{}},"StopSignal":"SIGUSR1"}}`

func (stub) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	return ref, "", []byte(stubConfig), nil
}

// compile compiles each stage as the target of a build: the file up to its end, since a
// stage without a name cannot be asked for, and no stage knows of later ones.
func compile(f *dockerfile.File, args map[string]string, children []int) (*Compiled, error) {
	if len(f.Stages) == 0 || len(children) > 0 && children[len(children)-1] >= len(f.Stages) {
		return nil, errors.New("no stage")
	}
	c := &Compiled{file: f, args: args, children: children, warned: map[string]bool{}}
	c.stages = make([]*stage, len(f.Stages)+len(children))
	errs := make([]error, len(c.stages))
	last := len(f.Stages) - 1
	var wg sync.WaitGroup
	for i := range c.stages {
		if i == last {
			continue
		}
		wg.Go(func() {
			if i < last {
				c.stages[i], errs[i] = target(f.Stages[i], upTo(f.Stages[i]), args, nil)
				return
			}
			s := f.Stages[children[i-last-1]]
			if c.stages[i], errs[i] = target(s, childOf(s), args, nil); errs[i] == nil {
				c.stages[i].child = true
			}
		})
	}
	c.stages[last], errs[last] = target(f.Stages[last], f.Src, args, c.warned) // the longest, here
	wg.Wait()
	return c, errors.Join(errs...)
}

// upTo is the file up to the end of a stage.
func upTo(s *dockerfile.Stage) []byte {
	return s.File.Src[:s.Instructions[len(s.Instructions)-1].End]
}

// childOf is a file that builds on a stage.
func childOf(s *dockerfile.Stage) []byte {
	src, name := slices.Clone(upTo(s)), s.Name
	if name == "" {
		name = mark + "stage"
		_, at := s.From.Span(len(s.From.Text)-1, len(s.From.Text))
		src = slices.Insert(src, at, []byte(" AS "+name)...)
	}
	return append(src, "\nFROM "+name+"\n"...)
}

// target compiles the last stage of src. Variables that BuildKit's check for secrets names
// are added to warned, unless it is nil.
func target(of *dockerfile.Stage, src []byte, args map[string]string, warned map[string]bool) (*stage, error) {
	caps := pb.Caps.CapSet(pb.Caps.All())
	given := make(map[string]string, len(args))
	for k, v := range args {
		given[k] = v
	}
	opt := dockerfile2llb.ConvertOpt{
		Config:         dockerui.Config{BuildArgs: given, BuildPlatforms: []ocispecs.Platform{platform}, LinterConfig: &linter.Config{SkipAll: warned == nil}},
		TargetPlatform: &platform,
		MetaResolver:   stub{},
		LLBCaps:        &caps,
		AllStages:      warned != nil,
	}
	if warned != nil {
		opt.Warn = func(rule, _, _, message string, _ []parser.Range) {
			if rule == linter.RuleSecretsUsedInArgOrEnv.Name {
				// … (ARG "NPM_TOKEN")
				if _, name, ok := strings.Cut(message, `"`); ok {
					warned[strings.TrimRight(name, `")`)] = true
				}
			}
		}
	}
	res, err := dockerfile2llb.Dockerfile2LLB(context.Background(), src, opt)
	if err != nil {
		return nil, err
	}
	def, err := res.State.Marshal(context.Background())
	if err != nil {
		return nil, err
	}
	s := &stage{Stage: of, ops: make(map[string]*pb.Op, len(def.Def)), canons: map[string]string{}, image: res.Image}
	for i, raw := range def.Def {
		op := new(pb.Op)
		if err := op.UnmarshalVT(raw); err != nil {
			return nil, err
		}
		dgst := digest.FromBytes(raw)
		if i == len(def.Def)-1 {
			// The last one has no work to do, it names the result.
			if len(op.Inputs) > 0 {
				s.last = op.Inputs[0].Digest
			}
			break
		}
		s.ops[string(dgst)] = op
		s.raw = append(s.raw, raw)
		if meta, ok := def.Metadata[dgst]; ok {
			for _, text := range meta.Description {
				s.raw = append(s.raw, []byte(text))
			}
		}
	}
	config, err := json.Marshal(res.Image)
	if err != nil {
		return nil, err
	}
	s.raw = append(s.raw, config)
	return s, nil
}
