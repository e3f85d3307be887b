package gateway

// workerRecipe returns what the worker with this number is launched from, or, with preload, the parent of workers. The
// supervisor fills in the rest.
func workerRecipe(cfg *Config, python *interpreter, number int, preload bool) (*launchSpec, error) {
	software := "highball"
	if cfg.Version != "" {
		software += "/" + cfg.Version
	}
	config, err := workerConfig{
		Target:       cfg.Target,
		Factory:      cfg.Factory,
		Dir:          cfg.Dir,
		Threads:      max(1, cfg.Threads),
		Preload:      preload,
		Debug:        cfg.Debug,
		Worker:       number,
		Multiprocess: max(cfg.Workers, cfg.MaxWorkers) > 1,
		Software:     software,
		Sample:       []byte(sampleEnviron),
		Path:         []string{},
		StackSignal:  stackSignal,
		Slot:         cfg.arena.slotSize(),
	}.encode()
	if err != nil {
		return nil, err
	}
	source := workerSource
	if cfg.Classes {
		source = classesSource
	}
	return &launchSpec{
		python: python.Path,
		env:    workerEnvironment(cfg),
		boot:   bootText,
		source: source,
		config: config,
		as:     cfg.As,
		arena:  cfg.arena,
	}, nil
}
