# The trials are jobs of `teach` and `distill` like any other. The file is written beside the configuration, whose key
# `tuned` names it. `tune` finds the trials itself, as `collect` does its trainings.
rule tune:
    input:
        trials=lambda wildcards: RUN.tuning_inputs,
        config=lambda wildcards: RUN.tuning_file,
    output:
        # Choices that still hold are taken over from it.
        update(str(RUN.tuned_file)) if RUN.plan.tuning else [],
    log:
        f"logs/{RUN.name}/tune.log",
    conda:
        "../envs/python.yaml"
    params:
        content=lambda wildcards: content(RUN.tuning_file),
    message:
        "choosing hyperparameters of {RUN.name}"
    shell:
        "logged {log} python -m workflow.steps.tune {input.config} {output:q}"
